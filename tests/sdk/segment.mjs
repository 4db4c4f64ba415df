// Sends a known set of events with Segment's own library for Node, and says on standard output, as one
// line of JSON, how many calls each user has had. Exits 1 if the library reports an error.
//
//   SDK_URL        where the service is, such as http://127.0.0.1:8080
//   SDK_WRITE_KEY  a key of scope ingest
//   SDK_PREFIX     what the users' names begin with (default "node")
//   SDK_TRACKS     how many tracks go out in large batches (default 600)
import { Analytics } from '@segment/analytics-node'

const { SDK_URL: host, SDK_WRITE_KEY: writeKey } = process.env
const prefix = process.env.SDK_PREFIX ?? 'node'
const tracks = Number(process.env.SDK_TRACKS ?? 600)
if (!host || !writeKey) {
  console.error('SDK_URL and SDK_WRITE_KEY are needed')
  process.exit(2)
}

// The service bounds the length of one value: much text is many values.
const text = (size) =>
  Object.fromEntries(Array.from({ length: Math.ceil(size / 6000) }, (_, n) => [`t${n}`, 'x'.repeat(Math.min(size, 6000))]))

const errors = []
const answers = []
const calls = {}

function library(settings) {
  const analytics = new Analytics({ host, writeKey, maxRetries: 2, ...settings })
  analytics.on('error', (error) => errors.push(`${error.code}: ${error.reason?.message ?? error.reason}`))
  analytics.on('http_response', ({ status, body }) => answers.push([status, Buffer.byteLength(body)]))
  return analytics
}

// Each call reports back; one whose delivery failed calls back with an error.
function call(analytics, kind, message) {
  const who = message.userId ?? `anon:${message.anonymousId}`
  calls[who] = (calls[who] ?? 0) + 1
  return new Promise((done) =>
    analytics[kind](message, (error) => {
      if (error) errors.push(`${kind}: ${error.message ?? error}`)
      done()
    }),
  )
}

// One of each kind, one by one: every call is a request.
const ada = `${prefix}-ada`
const single = library({ flushAt: 1 })
await call(single, 'page', { anonymousId: `${prefix}-a1`, name: 'Home', properties: { path: '/', title: 'Home' } })
await call(single, 'identify', {
  userId: ada,
  traits: { email: 'ada@example.com', plan: 'pro', age: 36, born: new Date('1990-12-10'), tags: ['a', 'b'] },
})
await call(single, 'group', { userId: ada, groupId: 'acme', traits: { name: 'Acme', seats: 3 } })
await call(single, 'track', {
  userId: ada,
  event: 'Order Completed ✓',
  properties: { revenue: 42.5, currency: 'EUR', products: [{ sku: '1' }, { sku: '2' }], empty: null, node: 'cart' },
})
await call(single, 'screen', { userId: ada, name: 'Prices', properties: { dark: true } })
await call(single, 'track', {
  userId: ada,
  event: 'With context',
  timestamp: new Date(Date.now() - 60_000),
  context: { locale: 'de-DE', timezone: 'Europe/Berlin', ip: '127.0.0.1' },
  integrations: { All: false, Nudge: true },
})
await call(single, 'alias', { userId: ada, previousId: `${prefix}-old-ada` })
await single.closeAndFlush({ timeout: 30_000 })

// Hundreds at once: many small ones in each batch, and as many bytes as a batch may have. The library counts
// far too few bytes, so that only `flushAt` keeps a batch of large messages below 500 KB: 15 is its default.
for (const [settings, users, size] of [
  [{ flushAt: 300 }, 20, 10],
  [{ flushAt: 15 }, 20, 30_000],
]) {
  const analytics = library(settings)
  const number = size > 1000 ? Math.ceil(tracks / 10) : tracks
  const sent = []
  for (let n = 0; n < number; n++) {
    const userId = `${prefix}-${size}-${n % users}`
    sent.push(call(analytics, 'track', { userId, event: 'item', properties: { n, ...text(size) } }))
  }
  await analytics.closeAndFlush({ timeout: 60_000 })
  await Promise.all(sent)
}

const refused = answers.filter(([status]) => status !== 200)
if (refused.length > 0) errors.push(`answers: ${JSON.stringify(refused)}`)
console.log(JSON.stringify({ requests: answers.length, largest: Math.max(...answers.map(([, size]) => size)), calls, errors }))
process.exit(errors.length > 0 ? 1 : 0)
