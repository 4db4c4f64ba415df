// A browser and its push service, for one message: prints a subscription as its first line, and what came,
// decrypted by `http_ece` and with its signature checked by Node, as its second. Exits 1 if that fails.
//
//   npm install --prefix /tmp/sdk http_ece && cp tests/sdk/web_push.mjs /tmp/sdk/ && node /tmp/sdk/web_push.mjs
import { createECDH, createPublicKey, randomBytes, verify } from 'node:crypto'
import { createServer } from 'node:http'
import ece from 'http_ece'

const browser = createECDH('prime256v1')
const p256dh = browser.generateKeys()
const auth = randomBytes(16)

// The token of RFC 8292: what it claims, if its signature is that of the key beside it.
function claims(authorization) {
  const [, token, key] = /^vapid t=([^,]+), k=(.+)$/.exec(authorization)
  const [head, body, signature] = token.split('.')
  const point = Buffer.from(key, 'base64url')
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url'),
  }
  const signer = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' }
  const signed = verify('sha256', Buffer.from(`${head}.${body}`), signer, Buffer.from(signature, 'base64url'))
  if (!signed || JSON.parse(Buffer.from(head, 'base64url')).alg !== 'ES256') throw new Error('not signed')
  return { key, claims: JSON.parse(Buffer.from(body, 'base64url')) }
}

const server = createServer((request, response) => {
  const pieces = []
  request.on('data', (piece) => pieces.push(piece))
  request.on('end', () => {
    try {
      const said = claims(request.headers.authorization)
      if (said.claims.aud !== `http://${request.headers.host}`) throw new Error('for another audience')
      const text = ece.decrypt(Buffer.concat(pieces), {
        version: 'aes128gcm',
        privateKey: browser,
        authSecret: auth.toString('base64url'),
      })
      response.writeHead(201, { location: '/m/1' }).end()
      console.log(JSON.stringify({ ...said, headers: request.headers, payload: JSON.parse(text) }))
    } catch (error) {
      response.writeHead(400).end()
      console.log(JSON.stringify({ error: String(error) }))
      process.exitCode = 1
    }
    server.close()
    server.closeAllConnections()
  })
})

server.listen(0, '127.0.0.1', () => {
  const endpoint = `http://127.0.0.1:${server.address().port}/push/1`
  const keys = { p256dh: p256dh.toString('base64url'), auth: auth.toString('base64url') }
  console.log(JSON.stringify({ endpoint, expirationTime: null, keys }))
})
