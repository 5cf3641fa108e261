import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { html } from '../../../../src/cli/ui/html.ts'

test('what a template takes in is text', () => {
  const hostile = `<img src=x onerror="alert('1')">&amp;`
  assert.equal(
    html`<p title="${hostile}">${hostile}</p>`.text,
    '<p title="&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;">&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;</p>',
  )
})

test('what a template made is taken as it is, in lists too', () => {
  const rows = ['<1>', '2'].map((row) => html`<li>${row}</li>`)
  assert.equal(html`<ul>${rows}${undefined}${false}${0}</ul>`.text, '<ul><li>&lt;1&gt;</li><li>2</li>0</ul>')
})

test('no text opens a tag or ends an attribute', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.doesNotMatch(html`${text}`.text, /[<>"']/)
    }),
  )
})
