// A receiver of webhooks without packages: checks each delivery, and prints its type. Node.js 18 or newer.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const BYTES_MAX = 256 * 1024;
const SECONDS_MAX = 300;
const key = Buffer.from(process.env.WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");

// Several signatures stand in the header while a secret is rotated: one must be good.
function isGood(headers, body) {
  const { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": signatures = "" } = headers;
  if (!(Math.abs(Date.now() / 1000 - Number(at)) < SECONDS_MAX)) return false;
  const expected = createHmac("sha256", key).update(`${id}.${at}.`).update(body).digest();
  return signatures.split(" ").some((signature) => {
    const given = Buffer.from(signature.replace(/^v1,/, ""), "base64");
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

createServer(async (request, response) => {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > BYTES_MAX) return response.writeHead(413).end();
    parts.push(part);
  }
  const body = Buffer.concat(parts);
  if (!isGood(request.headers, body)) return response.writeHead(400).end();
  const event = JSON.parse(body);
  console.log(event.type, event.data.id);
  response.writeHead(204).end();
}).listen(Number(process.env.PORT), "127.0.0.1");
