import { render } from "preact";
import { App } from "./app.ts";
import { Page } from "./Page.tsx";
import "./style/page.css";

const app = new App();
const root = document.getElementById("page");
if (root) render(<Page app={app} />, root);
window.addEventListener("popstate", () => void app.openAddressed());
window.addEventListener("hashchange", () => void app.openAddressed());
// A file that is dropped beside the drop zone must not replace the page.
for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && app.state.session) void app.loadList();
});
void app.start();
