/**
 * HTML that is safe by the way it is made: what a template takes in is text, and is escaped, unless a template made it.
 * Values stand between tags or in double quotes, never in scripts, styles or names of attributes: there are none such here.
 */

/** What a template made. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** `undefined` and `false` show as nothing. */
export type Shown = Html | string | number | undefined | false | readonly Shown[]

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export function html(literals: TemplateStringsArray, ...values: readonly Shown[]): Html {
  return new Html(literals.map((literal, index) => literal + textOfShown(values[index])).join(''))
}

export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (char) => ESCAPES[char]!)
}

function textOfShown(value: Shown): string {
  if (value === undefined || value === false) return ''
  if (value instanceof Html) return value.text
  if (Array.isArray(value)) return value.map(textOfShown).join('')
  return escapeHtml(String(value))
}
