/** @type {import("@sveltejs/vite-plugin-svelte").SvelteConfig} */
export default {
  compilerOptions: {
    // Svelte names a style after the file's path otherwise, and `dist` must not depend on where the repository lies.
    cssHash: ({ hash, css }) => `s-${hash(css)}`,
  },
};
