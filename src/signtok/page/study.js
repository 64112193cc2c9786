// Keys 1 to 5 press the buttons of the scale, unless something is being written.
document.addEventListener("keydown", (event) => {
  const writes = event.target.closest("input[type=text], textarea");
  if (event.repeat || writes || event.ctrlKey || event.metaKey || event.altKey || !/^[1-5]$/.test(event.key)) return;
  document.getElementById("rate-" + event.key)?.click();
});
// A pressed button lets go of the focus: the space bar must not give the same rating to what comes next.
document.addEventListener("click", (event) => event.target.closest("#scale button")?.blur());
// The two films of a pair run together; media events do not bubble, so they are caught on their way down.
document.addEventListener("timeupdate", () => {
  const [left, right] = document.querySelectorAll(".pair video");
  if (right && Math.abs(left.currentTime - right.currentTime) > 0.1) right.currentTime = left.currentTime;
}, true);
