import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { encodeBytesFrame, encodeJsonFrame, FRAME_BYTES_MAX, FrameParser } from '../../../src/daemon/control-wire.ts'
import { kindOf } from '../../../src/errors.ts'

const invalid = (error: unknown) => kindOf(error) === 'invalid'

test('frames come out whole, however the stream is cut', () => {
  const message = fc.oneof(fc.jsonValue(), fc.uint8Array({ maxLength: 300 }))
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), fc.integer({ min: 1, max: 50 }), (messages, cut) => {
      const stream = Buffer.concat(
        messages.map((value) =>
          value instanceof Uint8Array ? encodeBytesFrame(Buffer.from(value)) : encodeJsonFrame(value),
        ),
      )
      const parser = new FrameParser()
      const received: unknown[] = []
      for (let start = 0; start < stream.length; start += cut) {
        for (const frame of parser.push(stream.subarray(start, start + cut))) {
          received.push(frame.kind === 'bytes' ? new Uint8Array(frame.bytes) : frame.value)
        }
      }
      const sent = messages.map((value) => (value instanceof Uint8Array ? value : JSON.parse(JSON.stringify(value))))
      assert.deepEqual(received, sent)
    }),
    { numRuns: 50 },
  )
})

test('a frame over the limit is refused before it is received', () => {
  const header = Buffer.alloc(5)
  header.writeUInt32LE(FRAME_BYTES_MAX + 1)
  assert.throws(() => new FrameParser().push(header), invalid)
})

test('a frame of an unknown kind is refused', () => {
  assert.throws(() => new FrameParser().push(Buffer.from([0, 0, 0, 0, 7])), invalid)
})

test('broken JSON is refused', () => {
  assert.throws(() => new FrameParser().push(Buffer.from([1, 0, 0, 0, 0, 0x7b])), invalid)
})

test('what does not fit a frame is not sent', () => {
  assert.throws(
    () => encodeJsonFrame('x'.repeat(FRAME_BYTES_MAX)),
    (error) => kindOf(error) === 'too-large',
  )
})
