import { defineConfig } from "vite";

// One ES module without dependencies; the declarations beside it are TypeScript's own (tsconfig.build.json).
export default defineConfig({
  root: new URL(".", import.meta.url).pathname,
  build: {
    lib: { entry: "src/index.ts", formats: ["es"], fileName: "vitrine-player" },
    target: "es2022",
  },
});
