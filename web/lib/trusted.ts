declare global {
  var trustedTypes: { createPolicy<Rules extends object>(name: string, rules: Rules): Rules } | undefined
}

/**
 * The rules as a policy that the page's headers name; where a browser has no Trusted Types, the rules themselves. Once for each name: a
 * second policy of the same name is refused.
 */
export function trusted<Rules extends object>(name: 'confab-markdown' | 'confab-worker' | 'confab-search', rules: Rules): Rules {
  return globalThis.trustedTypes?.createPolicy(name, rules) ?? rules
}
