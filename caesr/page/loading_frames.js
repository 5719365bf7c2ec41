// While the page is loading, Gradio shows a clock, and moves it at every frame of the screen. When the page is there the
// clock is gone, but its loop goes on for ever (Gradio 6.31): it keeps a laptop's processor awake. So it ends here.
// It is known by having begun before the page was there and by its callbacks, each new and all of the same source;
// Svelte's own loop, for what moves, asks with the same callback every time.
(() => {
  const askForFrame = window.requestAnimationFrame.bind(window);
  const isPageThere = () => document.getElementById("header") !== null;
  let running = null; // the loop whose frame is being drawn

  window.requestAnimationFrame = (callback) => {
    const loop = running ?? { isOfLoading: !isPageThere(), last: null };
    const isAnew = loop.last && loop.last !== callback && String(loop.last) === String(callback);
    if (loop.isOfLoading && isAnew && isPageThere()) return 0;
    return askForFrame((time) => {
      [running, loop.last] = [loop, callback];
      try {
        callback(time);
      } finally {
        running = null;
      }
    });
  };
})();
