/** Small pictures, drawn in the colour of the text they stand beside. They say nothing that words do not. */
import { Html } from './html.ts'

const PATHS = {
  dfs: '<path d="M8 1.5 14 5v6l-6 3.5L2 11V5z"/><path d="M2 5l6 3.5L14 5M8 8.5v6"/>',
  folder: '<path d="M1.5 4.5v8h13v-7h-6l-1.5-2h-5.5z"/>',
  file: '<path d="M3.5 1.5h6l3 3v10h-9z"/><path d="M9.5 1.5v3h3"/>',
  link: '<path d="M6.5 9.5l3-3M7 4.5l1.5-1.5a3 3 0 0 1 4.5 4.5L11.5 9M9 11.5L7.5 13A3 3 0 0 1 3 8.5L4.5 7"/>',
  other: '<circle cx="8" cy="8" r="5.5"/>',
  closed: '<path d="M6 4l4 4-4 4"/>',
  open: '<path d="M4 6l4 4 4-4"/>',
  local: '<circle cx="8" cy="8" r="5"/>',
  part: '<circle cx="8" cy="8" r="5"/><path d="M8 3a5 5 0 0 1 0 10z" fill="currentColor"/>',
  safe: '<circle cx="8" cy="8" r="5.5"/><path d="M5.5 8l2 2 3.5-4"/>',
  evicted: '<path d="M4.5 12a2.75 2.75 0 0 1 0-5.5 3.75 3.75 0 0 1 7.2.5 2.5 2.5 0 0 1-.2 5z"/>',
  dirty: '<path d="M3 13l.5-3L11 2.5 13.5 5 6 12.5z"/>',
  bad: '<path d="M8 2.5L14.5 13.5h-13z"/><path d="M8 6.5v3.5M8 11.5v.5"/>',
  plain: '<circle cx="8" cy="8" r="5" stroke-dasharray="2 2"/>',
  pin: '<path d="M6 2.5h4l-.5 4.5 2 2.5h-7l2-2.5zM8 9.5V14"/>',
} as const

export type Icon = keyof typeof PATHS

export function icon(name: Icon): Html {
  return new Html(
    `<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round">${PATHS[name]}</svg>`,
  )
}
