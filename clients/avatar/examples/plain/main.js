import "@voicesrv/avatar";

const avatar = document.querySelector("voice-avatar");
const form = document.querySelector("form");

avatar.addEventListener("turn", ({ detail }) => console.log("you said", detail.text));
avatar.addEventListener("reply", ({ detail }) => detail.done && console.log("it said", detail.heard));

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = new FormData(form).get("text");
  avatar.sendText(text).catch(() => undefined); // the avatar shows what went wrong
  form.reset();
});
