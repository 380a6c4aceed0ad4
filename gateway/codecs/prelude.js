// What a codec finds beside ECMAScript, and how it is called. Evaluated before the codec in a
// context of its own: what is used here was taken before the codec could change it.
(function () {
  'use strict';
  const { parse, stringify } = JSON, Time = Date, Text = String;
  const LONGEST_ERROR = 500;

  const silent = function () {};
  globalThis.console = {
    log: silent, info: silent, warn: silent, error: silent, debug: silent, trace: silent,
  };

  // TS013 hands a Date over; null stands for a gateway that does not know the time
  function received(at) {
    return at === null ? new Time() : new Time(at);
  }

  function decodeUp(input) {
    if (typeof decodeUplink === 'function') {
      input.recvTime = received(input.recvTime);
      return decodeUplink(input);
    }
    if (typeof Decoder === 'function') return { data: Decoder(input.bytes, input.fPort) };
    if (typeof Decode === 'function') return { data: Decode(input.fPort, input.bytes, {}) };
    throw new TypeError('the codec has no function decodeUplink, Decoder or Decode');
  }

  const CALLS = {
    __proto__: null,
    decodeUplink: decodeUp,
    encodeDownlink(input) {
      if (typeof encodeDownlink === 'function') return encodeDownlink(input);
      throw new TypeError('the codec has no function encodeDownlink');
    },
    decodeDownlink(input) {
      if (typeof decodeDownlink === 'function') return decodeDownlink(input);
      throw new TypeError('the codec has no function decodeDownlink');
    },
  };

  // the result as JSON, or "!" and what was thrown; long texts are not added to each other, which
  // would make a rope that quickjs-ng's Python side does not know
  return function (name, text) {
    try {
      const result = stringify(CALLS[name](parse(text)));
      return result === undefined ? 'null' : result;
    } catch (thrown) {
      const said = Text(thrown);
      let short = '!';
      for (let i = 0; i < said.length && i < LONGEST_ERROR; i++) short += said[i];
      return short;
    }
  };
})();
