// Single-file components, for the tools that don't know Vue; vue-tsc looks into the files themselves.
declare module '*.vue' {
  import type { Component } from 'vue';
  const component: Component;
  export default component;
}
