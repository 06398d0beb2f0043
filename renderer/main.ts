// Starts the page.
import '@fontsource-variable/inter/wght.css';
import '@fontsource-variable/jetbrains-mono/wght.css';
import './theme.css';
import { createPinia } from 'pinia';
import { createApp } from 'vue';
import App from './App.vue';
import { listen } from './listen.ts';
import { useDrafts } from './stores/drafts.ts';

const page = createApp(App).use(createPinia());
const drafts = useDrafts();
// What was typed a moment ago is saved before the window goes.
addEventListener('pagehide', () => void drafts.saveAll());
addEventListener('blur', () => void drafts.saveAll());
listen();
page.mount('#app');
