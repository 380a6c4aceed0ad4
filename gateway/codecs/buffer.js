// The part of Node's Buffer that codecs use. Evaluated only for a codec that speaks of it.
(function () {
  'use strict';

  function decodeBase64(text) {
    const bytes = [];
    let bits = 0, held = 0;
    for (const c of text) {
      const six = ALPHABET.indexOf(c === '-' ? '+' : c === '_' ? '/' : c);
      if (six < 0) continue;
      bits = (bits << 6) | six;
      held += 6;
      if (held >= 8) {
        held -= 8;
        bytes.push((bits >> held) & 255);
        bits &= (1 << held) - 1;
      }
    }
    return bytes;
  }

  function encodeBase64(bytes) {
    let text = '';
    for (let i = 0; i < bytes.length; i += 3) {
      const left = bytes.length - i;
      const word = (bytes[i] << 16) | ((left > 1 ? bytes[i + 1] : 0) << 8) | (left > 2 ? bytes[i + 2] : 0);
      text += ALPHABET[word >> 18] + ALPHABET[(word >> 12) & 63];
      text += (left > 1 ? ALPHABET[(word >> 6) & 63] : '=') + (left > 2 ? ALPHABET[word & 63] : '=');
    }
    return text;
  }

  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

  function encoded(text, encoding) {
    switch ((encoding || 'utf8').toLowerCase()) {
      case 'hex': {
        const digits = /^([0-9a-f]{2})*/i.exec(text)[0];
        return (digits.match(/../g) || []).map((pair) => parseInt(pair, 16));
      }
      case 'base64': case 'base64url': return decodeBase64(text);
      case 'ascii': case 'latin1': case 'binary': return Array.from(text, (c) => c.charCodeAt(0) & 255);
      default: {
        const escaped = encodeURIComponent(text).match(/%[0-9A-F]{2}|[^%]/g) || [];
        return escaped.map((c) => (c.length > 1 ? parseInt(c.slice(1), 16) : c.charCodeAt(0)));
      }
    }
  }

  class Buffer extends Uint8Array {
    static from(value, encoding, length) {
      if (typeof value === 'string') return new Buffer(encoded(value, encoding));
      if (value instanceof ArrayBuffer) return new Buffer(value, encoding, length);
      return new Buffer(Array.from(value.data || value, (byte) => byte & 255));
    }

    static alloc(size, fill = 0) {
      return new Buffer(size).fill(fill);
    }

    static allocUnsafe(size) {
      return new Buffer(size);
    }

    static isBuffer(value) {
      return value instanceof Buffer;
    }

    static concat(list) {
      return Buffer.from([].concat(...list.map((one) => Array.from(one))));
    }

    slice(start, end) {
      return this.subarray(start, end);
    }

    equals(other) {
      return this.length === other.length && this.every((byte, i) => byte === other[i]);
    }

    toJSON() {
      return { type: 'Buffer', data: Array.from(this) };
    }

    toString(encoding, start = 0, end = this.length) {
      const bytes = Array.from(this.subarray(start, end));
      const raw = () => bytes.map((byte) => String.fromCharCode(byte)).join('');
      switch ((encoding || 'utf8').toLowerCase()) {
        case 'hex': return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
        case 'base64': return encodeBase64(bytes);
        case 'ascii': return bytes.map((byte) => String.fromCharCode(byte & 127)).join('');
        case 'latin1': case 'binary': return raw();
        default:
          try {
            return decodeURIComponent(bytes.map((b) => '%' + b.toString(16).padStart(2, '0')).join(''));
          } catch (notUtf8) {
            return raw();
          }
      }
    }

    readUIntBE(offset, size) {
      let value = 0;
      for (let i = 0; i < size; i++) value = value * 256 + this.at_(offset + i);
      return value;
    }

    readUIntLE(offset, size) {
      let value = 0;
      for (let i = size - 1; i >= 0; i--) value = value * 256 + this.at_(offset + i);
      return value;
    }

    readIntBE(offset, size) {
      return signed(this.readUIntBE(offset, size), size);
    }

    readIntLE(offset, size) {
      return signed(this.readUIntLE(offset, size), size);
    }

    writeUIntBE(value, offset, size) {
      for (let i = size - 1; i >= 0; i--, value = Math.floor(value / 256)) this[offset + i] = value;
      return offset + size;
    }

    writeUIntLE(value, offset, size) {
      for (let i = 0; i < size; i++, value = Math.floor(value / 256)) this[offset + i] = value;
      return offset + size;
    }

    at_(offset) {
      if (offset < 0 || offset >= this.length) {
        throw new RangeError('The value of "offset" is out of range. Received ' + offset);
      }
      return this[offset];
    }
  }

  function signed(value, size) {
    const half = 2 ** (8 * size - 1);
    return value < half ? value : value - 2 * half;
  }

  const methods = Buffer.prototype;
  for (const order of ['BE', 'LE']) {
    for (const bits of [8, 16, 32]) {
      const end = bits === 8 ? '' : order, size = bits / 8;
      methods['readUInt' + bits + end] = function (offset = 0) {
        return this['readUInt' + order](offset, size);
      };
      methods['readInt' + bits + end] = function (offset = 0) {
        return this['readInt' + order](offset, size);
      };
      methods['writeUInt' + bits + end] = methods['writeInt' + bits + end] = function (value, offset = 0) {
        return this['writeUInt' + order](value, offset, size);
      };
      methods['readUint' + bits + end] = methods['readUInt' + bits + end];
      methods['writeUint' + bits + end] = methods['writeUInt' + bits + end];
    }
    for (const [name, kind, size] of [['Float', 'Float32', 4], ['Double', 'Float64', 8]]) {
      methods['read' + name + order] = function (offset = 0) {
        this.at_(offset + size - 1);
        return new DataView(this.buffer, this.byteOffset)['get' + kind](offset, order === 'LE');
      };
      methods['write' + name + order] = function (value, offset = 0) {
        new DataView(this.buffer, this.byteOffset)['set' + kind](offset, value, order === 'LE');
        return offset + size;
      };
    }
    const whole = order === 'LE';
    methods['readBigUInt64' + order] = function (offset = 0) {
      return new DataView(this.buffer, this.byteOffset).getBigUint64(offset, whole);
    };
    methods['readBigInt64' + order] = function (offset = 0) {
      return new DataView(this.buffer, this.byteOffset).getBigInt64(offset, whole);
    };
  }
  methods.readUintBE = methods.readUIntBE;
  methods.readUintLE = methods.readUIntLE;

  Object.defineProperty(globalThis, 'Buffer', { value: Buffer, writable: true, configurable: true });
})();
