// The text of a response body, in the character set that the response names.
'use strict';

/** Decodes the bytes; UTF-8 where nothing else is named. What is no text of that kind becomes U+FFFD. */
function textOf(body, response) {
  const label = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(header(response?.headers, 'content-type'))?.[1];
  return decoder(label).decode(body);
}

/** Returns the media type that the header fields name, without its parameters. */
function mediaType(headers) {
  return header(headers, 'content-type').split(';', 1)[0].trim().toLowerCase() || 'application/octet-stream';
}

function header(headers = [], name) {
  return headers.find((field) => field.name.toLowerCase() === name)?.value ?? '';
}

function decoder(label = 'utf-8') {
  try {
    return new TextDecoder(label);
  } catch {
    return new TextDecoder(); // A character set that nobody knows.
  }
}

module.exports = { mediaType, textOf };
