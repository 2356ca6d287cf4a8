'use strict';

/**
 * A token as the library answers it. Its secrets can be read and nothing else: they are no properties of the object,
 * so printing, JSON, copying with {...token} and structuredClone all leave them out.
 */
class Token {
  #accessToken;
  #refreshToken;
  #credentials;

  /** @param {object} fields the library's token object */
  constructor({ accessToken, refreshToken, credentials, ...description }) {
    this.#accessToken = accessToken;
    this.#refreshToken = refreshToken;
    this.#credentials = credentials;
    Object.assign(this, description);
  }

  get accessToken() {
    return this.#accessToken;
  }

  get refreshToken() {
    return this.#refreshToken;
  }

  get credentials() {
    return this.#credentials;
  }
}

module.exports = { Token };
