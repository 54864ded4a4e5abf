// Many streams over one HTTP/2 connection, and a request beside them, as a browser would have it:
// node http2_streams.mjs <address> <authority's certificate>, then on stdin one JSON list of access tokens.
// Prints one JSON line for all that happens: {connected}, {hello}, {answered}, then {event, stream} for each event.
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';

const [address, authority] = process.argv.slice(2);
const tokens = JSON.parse(readFileSync(0, 'utf8'));
const say = (what) => console.log(JSON.stringify(what));
const session = connect(address, { ca: readFileSync(authority) });
session.on('connect', () => say({ connected: session.alpnProtocol }));
session.on('error', (error) => { say({ error: String(error) }); process.exit(1); });

let hellos = 0;
tokens.forEach((token, stream) => {
  const request = session.request({ ':path': '/api/events', authorization: `Bearer ${token}` });
  request.setEncoding('utf8');
  let rest = '';
  request.on('response', (headers) => headers[':status'] === 200 || say({ refused: headers[':status'], stream }));
  request.on('data', (text) => {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      const event = /^event: (.*)$/m.exec(block)?.[1];
      if (event === 'hello') {
        hellos += 1;
        if (hellos === tokens.length) askBesideThem(token);
      } else if (event) {
        say({ event, id: /^id: (.*)$/m.exec(block)?.[1], stream });
      }
    }
  });
});

function askBesideThem(token) {
  say({ hello: hellos });
  const request = session.request({ ':path': '/api/auth/me', authorization: `Bearer ${token}` });
  request.on('response', (headers) => say({ answered: headers[':status'] }));
  request.resume();
}
