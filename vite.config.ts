import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

export default defineConfig({
  root: 'web',
  appType: 'custom',
  logLevel: 'warn',
  // The package's own entry is for old browsers: this one is smaller and faster.
  resolve: { alias: [{ find: /^dexie$/, replacement: 'dexie/dist/modern/dexie.mjs' }] },
  plugins: [svelte({ configFile: false, compilerOptions: { runes: true } })],
  build: {
    outDir: '../dist/client',
    emptyOutDir: true,
    manifest: true,
    target: 'es2023',
    // The pages allow nothing inline: every script, style and picture is a file of its own.
    assetsInlineLimit: 0,
    modulePreload: {
      polyfill: false,
      // What replies need is waited for. A list of all that the other parts load would be on the first screen, and the service worker has those files soon after it.
      resolveDependencies: (file, needs) => needs.filter((need) => /(markdown-view|reply)-/.test(file) || need.endsWith('.css')),
    },
    reportCompressedSize: false,
    rolldownOptions: {
      // None of these has to run unless something of it is used.
      treeshake: { moduleSideEffects: [{ test: /svelte.src.internal.client/, sideEffects: false }] },
      input: ['web/index.ts', 'web/enter.ts', 'web/share.ts'],
      output: {
        codeSplitting: {
          groups: [
            // What the entrance needs as well; without this it would load the app.
            { name: 'base', test: /contract.limits|lib.(page|base64url)/, priority: 2 },
            // Of a module that the first screen has, but used by panels alone.
            { name: 'choices', test: /bindings.select/, priority: 3, includeDependenciesRecursively: false },
            {
              name: 'reply',
              test: /ui.(reply-|waiting-notice|countdown|announcer|thoughts|token-count|versions)|bindings.universal|lib.(errand|failure-sentences|refused-sentences|announcement|thinking|amounts)/,
              priority: 3,
              includeDependenciesRecursively: false,
            },
            // What is on the first screen: in one file it is 6 kB smaller than in fourteen, and comes in one request. Panels and what is done with a message come when they are opened.
            {
              name: 'room',
              test: /web.(islands|ui|mount|sync(?!.(leisure|backfill))).(?!.*(panel|palette|slash-list|menu.svelte|dialog.svelte|model-picker|quote-button|edit-box|people-here|settings-(?!button)|room-tools|select-bar|tag-editor|undo-toast|reply-|waiting-notice|countdown|announcer|thoughts|token-count|versions))/,
              priority: 1,
            },
          ],
        },
      },
    },
  },
})
