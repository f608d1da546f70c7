const EXTENSIONS: Record<string, string> = {
  bash: 'sh',
  shell: 'sh',
  zsh: 'sh',
  console: 'sh',
  csharp: 'cs',
  'c#': 'cs',
  'c++': 'cpp',
  golang: 'go',
  haskell: 'hs',
  javascript: 'js',
  julia: 'jl',
  kotlin: 'kt',
  latex: 'tex',
  makefile: 'mk',
  markdown: 'md',
  mermaid: 'mmd',
  objectivec: 'm',
  perl: 'pl',
  plaintext: 'txt',
  powershell: 'ps1',
  python: 'py',
  ruby: 'rb',
  rust: 'rs',
  text: 'txt',
  typescript: 'ts',
  yml: 'yaml',
}

/** The name under which a block of code is saved; `language` as the block names it, in small letters. */
export function fileName(language: string): string {
  if (language === 'dockerfile') return 'Dockerfile'
  const extension = EXTENSIONS[language] ?? (/^[a-z\d]{1,10}$/.test(language) ? language : 'txt')
  return `code.${extension}`
}
