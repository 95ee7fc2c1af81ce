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
// Cases come from other readers and programs too.
const refresh = (): void => {
  if (!document.hidden && app.state.session) void app.loadList();
};
document.addEventListener("visibilitychange", refresh);
setInterval(refresh, 60_000);
void app.start();
