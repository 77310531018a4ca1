/** The question before an action that cannot be undone. */
const dialog = document.getElementById("ask");

/** Asks. `yes` is the text of the button for it. Returns whether the user pressed it. */
export function ask(question, yes) {
  document.getElementById("ask-question").textContent = question;
  document.getElementById("ask-yes").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise(resolve => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
