/** The jobs of the page, as all pages show them at their head. */
import { formatBytes } from '../output.ts'
import { type Html, html } from './html.ts'
import type { Job } from './jobs.ts'
import { shownName } from './names.ts'

/** Empty while there are none. */
export function jobsSection(jobs: readonly Job[], address: string): Html {
  return html`<section id="jobs" data-live aria-label="Activity">
${jobs.map((job) => jobCard(job, address))}
</section>`
}

const STATES: Readonly<Record<Job['state'], string>> = {
  running: 'under way',
  done: 'done',
  incomplete: 'not all done',
  failed: 'failed',
  stopped: 'stopped',
}

function jobCard({ id, title, state, progress, outcome }: Job, address: string): Html {
  const isRunning = state === 'running'
  const item = progress?.item
  return html`<article class="job ${state}" id="job-${id}" data-live>
<p><strong>${title}</strong> <span class="quiet">${STATES[state]}</span></p>
${isRunning && progressLine(title, progress)}
${isRunning && item !== undefined && html`<p class="quiet item">${shownName(item)}</p>`}
${outcome && html`<p>${outcome.said}</p>`}
${outcome && outcome.details.length > 0 && html`<ul>${outcome.details.map((line) => html`<li>${line}</li>`)}</ul>`}
<form method="post" action="/jobs"><input type="hidden" name="back" value="${address}"><input type="hidden" name="job" value="${id}">
<button name="do" value="${isRunning ? 'stop' : 'clear'}" class="small">${isRunning ? 'Stop' : 'Dismiss'}<span class="sr"> ${title}</span></button></form>
</article>`
}

function progressLine(title: string, progress: Job['progress']): Html {
  if (progress === undefined) return html`<progress aria-label="${title}"></progress>`
  const { done, total, unit } = progress
  const show = (count: number) => (unit === 'bytes' ? formatBytes(count) : `${count} ${unit}`)
  const isKnown = total !== undefined && total > 0
  return html`<progress aria-label="${title}" ${isKnown && html`value="${Math.min(done, total)}" max="${total}"`}></progress>
<span class="quiet">${show(done)}${isKnown && ` of ${show(total)}`}</span>`
}
