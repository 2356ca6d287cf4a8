// Tells the window that opened this one how it ended, and closes if that window says so.
(() => {
  const { result, app, origin } = document.currentScript.dataset;
  const message = { type: 'descope-conn', result, appId: app ?? null };
  const closeIfAsked = (event) => {
    if (event.data?.type === 'descope-conn-close') globalThis.close();
  };
  if (globalThis.BroadcastChannel) {
    const channel = new BroadcastChannel('descope-conn');
    channel.onmessage = closeIfAsked;
    channel.postMessage(message);
  }
  if (globalThis.opener && origin) {
    globalThis.addEventListener('message', (event) => {
      if (event.origin === origin) closeIfAsked(event);
    });
    globalThis.opener.postMessage(message, origin);
  }
})();
