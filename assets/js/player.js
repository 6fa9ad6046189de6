// Plays voice messages, one at a time.

export class Player {
  /** `onChange(key, playing)` is told whenever a message begins or ends to play. */
  constructor({ onChange, onError }) {
    this.onChange = onChange;
    this.onError = onError;
    this.audio = new Audio();
    this.key = null;
    this.audio.addEventListener("ended", () => this.stop());
    this.audio.addEventListener("error", () => {
      if (this.key === null) return;
      this.stop();
      this.onError();
    });
  }

  /** Play the message, or stop it when it is the one playing. */
  async toggle(key, url) {
    const same = this.key === key;
    this.stop();
    if (same) return;
    this.key = key;
    this.audio.src = url;
    this.onChange(key, true);
    try {
      await this.audio.play();
    } catch (error) {
      // AbortError: another message was begun meanwhile. What cannot be decoded is told by the error event.
      if (error.name === "NotAllowedError") this.stop();
    }
  }

  stop() {
    if (this.key === null) return;
    const key = this.key;
    this.key = null;
    this.audio.pause();
    this.onChange(key, false);
  }
}
