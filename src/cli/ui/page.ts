/** What all pages have in common: the document around a page's own part, and the jobs at its head. */
import { jobsSection } from './activity.ts'
import { type Html, html } from './html.ts'
import { icon } from './icons.ts'
import type { Job } from './jobs.ts'

export interface Page {
  readonly title: string
  /** Its own; forms of what surrounds it come back to it. */
  readonly address: string
  readonly body: Html
  readonly status?: number
  /** More is known soon: a browser without scripts looks again by itself. */
  readonly isUnfinished?: boolean
}

const RELOAD_SECONDS = 4

/** A whole document. */
export function renderPage({ title, address, body, isUnfinished }: Page, jobs: readonly Job[]): string {
  const reloads = isUnfinished === true || jobs.some(({ state }) => state === 'running')
  return html`${head(title, reloads && html`<noscript><meta http-equiv="refresh" content="${RELOAD_SECONDS}"></noscript>`)}
<body>
<a class="skip" href="#content">Skip to content</a>
<header class="top"><a class="brand" href="/">${icon('dfs')} dfs</a><p id="stale" class="quiet" role="status" hidden>The daemon rests. Reload to wake it.</p></header>
<main id="content" tabindex="-1">
${jobsSection(jobs, address)}
<p id="said" class="sr" role="status"></p>
${body}
</main>
</body>
</html>
`.text
}

/** A document for whoever may not see more, with nothing in it that asks for anything. */
export function renderRefusal(title: string, said: string): string {
  return html`${head(title, false)}
<body>
<header class="top"><span class="brand">${icon('dfs')} dfs</span></header>
<main class="narrow"><h1>${title}</h1><p id="why">${said}</p></main>
</body>
</html>
`.text
}

function head(title: string, more: Html | false): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title} · dfs</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/base.css">
<link rel="stylesheet" href="/parts.css">
<link rel="stylesheet" href="/tables.css">
<script type="module" src="/page.js"></script>
${more}
</head>`
}
