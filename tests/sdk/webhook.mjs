// One who receives webhooks, by the library that is published for that: reads `[{secret, headers, body}]` and
// prints for each whether the library takes it, and what it says then.
//
//   npm install --prefix /tmp/sdk standardwebhooks && cp tests/sdk/webhook.mjs /tmp/sdk/ && node /tmp/sdk/webhook.mjs < cases.json
import { readFileSync } from 'node:fs'
import { Webhook, WebhookVerificationError } from 'standardwebhooks'

const verdict = ({ secret, headers, body }) => {
  try {
    return { good: true, payload: new Webhook(secret).verify(body, headers) }
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error
    return { good: false, reason: error.message }
  }
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(verdict)))
