import { defineConfig } from "vite";

// The origin serves dist/ under /assets/, and dist/watch.html for every /watch/{channel}, dist/studio.html for every /studio/{channel}. Nothing is inlined into the
// page: the origin's Content-Security-Policy allows scripts and styles from itself only.
export default defineConfig({
  base: "/assets/",
  resolve: { alias: { "@vitrine/player": new URL("player/src/index.ts", import.meta.url).pathname } },
  build: {
    assetsDir: "",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 900,
    modulePreload: { polyfill: false },
    rollupOptions: { input: { watch: "watch.html", studio: "studio.html" } },
    target: "es2022",
  },
});
