/** Prints the manual page: `node man-page-main.ts > dfs.1`. What makes the package runs it. */
import { App } from './app.ts'
import { createProgram } from './main.ts'
import { manPage } from './man-page.ts'

process.stdout.write(manPage(await createProgram(new App(process))))
