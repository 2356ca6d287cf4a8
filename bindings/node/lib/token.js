'use strict';

/**
 * A token as the library answers it. Its secrets can be read and nothing else: they are no properties of the object,
 * so printing, JSON, copying with {...token} and structuredClone all leave them out.
 */
class Token {
  #accessToken;
  #refreshToken;

  /** @param {object} fields the library's token object */
  constructor({ accessToken, refreshToken, ...description }) {
    this.#accessToken = accessToken;
    this.#refreshToken = refreshToken;
    Object.assign(this, description);
  }

  get accessToken() {
    return this.#accessToken;
  }

  get refreshToken() {
    return this.#refreshToken;
  }
}

module.exports = { Token };
