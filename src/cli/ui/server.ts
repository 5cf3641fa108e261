/**
 * The page's server: on loopback alone, and for whoever opened the link first. A request is looked at only once its
 * connection, its headers and its cookie were; what it gets is kept by no cache, and may load and send nothing elsewhere.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { DfsError, describeError } from '../../errors.ts'
import { logger } from '../../log.ts'
import type { Asking } from './ask.ts'
import { readAssets } from './assets.ts'
import { connectionOwner, type Owner } from './connection-owner.ts'
import { renderRefusal } from './page.ts'
import { refusalOf } from './request-rules.ts'
import { Session } from './session.ts'
import { Site, type SiteAnswer } from './site.ts'

const log = logger('ui')

const ADDRESS = '127.0.0.1'
const CONNECTIONS_MAX = 64
/** Every name of a page that is chosen, each as long as names can be. */
const FORM_BYTES_MAX = 1024 * 1024
const FORM_TYPE = 'application/x-www-form-urlencoded'

const HEADERS: OutgoingHttpHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': [
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // Not less: forms of a page that sends no referrer have no origin.
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

export interface RunningUi extends AsyncDisposable {
  /** Good for one use. */
  readonly link: string
}

export interface UiOptions {
  readonly asking: Asking
  /** 0: any that is free. */
  readonly port: number
}

/** Serves until it is disposed of. Fails with EADDRINUSE. */
export async function serveUi({ asking, port: wanted }: UiOptions): Promise<RunningUi> {
  const assets = readAssets()
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 })
  server.maxConnections = CONNECTIONS_MAX
  server.listen(wanted, ADDRESS)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const session = new Session(port)
  const site = new Site(asking)
  const door = { port, session, site, assets, owners: new WeakMap<Socket, Promise<Owner>>() }
  server.on('request', async (request, response) => {
    send(response, await replyTo(door, request).catch((error) => failed(request, error)))
  })
  return {
    link: `http://${ADDRESS}:${port}/enter?token=${session.token}`,
    [Symbol.asyncDispose]: async () => {
      server.close()
      server.closeAllConnections()
      if (server.listening) await once(server, 'close')
    },
  }
}

interface Door {
  readonly port: number
  readonly session: Session
  readonly site: Site
  readonly assets: ReturnType<typeof readAssets>
  /** Of each connection. */
  readonly owners: WeakMap<Socket, Promise<Owner>>
}

interface Reply {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body?: Buffer
}

async function replyTo(door: Door, request: IncomingMessage): Promise<Reply> {
  const { method, headers, socket } = request
  const owner = await ownerOf(door, socket)
  if (!door.session.belongsTo(owner)) return refuse(403, 'This page belongs to another user')
  const refusal = refusalOf({ method, headers, port: door.port })
  if (refusal !== undefined) return refuse(refusal.status, 'Refused', `${refusal.why}.`)
  const [path, query] = splitAddress(request.url ?? '')
  const asset = door.assets.get(path)
  if (asset !== undefined) return { status: 200, headers: { 'content-type': asset.type }, body: asset.bytes }
  if (path === '/enter') return enter(door, request, { token: query.get('token') ?? '', owner })
  if (!door.session.isOpenTo(headers.cookie)) {
    const said = 'The command dfs ui prints a link, good for one use; this browser has not used it.'
    return refuse(401, 'Open the link', said)
  }
  const form = method === 'POST' ? await readForm(request) : undefined
  const isAutomatic = headers['x-dfs-refresh'] !== undefined
  return replyWith(await door.site.answer({ path, query, form, isAutomatic }))
}

function ownerOf({ owners, port }: Door, socket: Socket): Promise<Owner> {
  const owner = owners.get(socket) ?? connectionOwner({ remotePort: socket.remotePort ?? 0, localPort: port })
  owners.set(socket, owner)
  return owner
}

interface Entering {
  readonly token: string
  readonly owner: Owner
}

function enter({ session }: Door, { method, headers }: IncomingMessage, { token, owner }: Entering): Reply {
  // A browser that looks ahead has not been asked to open the link.
  if (method !== 'GET' || headers['sec-purpose'] !== undefined) return refuse(403, 'Open the link yourself')
  const cookie = session.exchange(token, owner)
  if (cookie !== undefined) return { status: 303, headers: { location: '/', 'set-cookie': cookie } }
  return refuse(403, 'This link was used', 'It is good for one use. End dfs ui, and start it again for another.')
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const [type = ''] = (request.headers['content-type'] ?? '').split(';')
  if (type.trim() !== FORM_TYPE) throw new DfsError('invalid', 'not a form')
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > FORM_BYTES_MAX) throw new DfsError('too-large', 'more than a form has')
    pieces.push(piece)
  }
  return new URLSearchParams(Buffer.concat(pieces).toString())
}

function replyWith(answer: SiteAnswer): Reply {
  if (answer.kind === 'redirect') return { status: 303, headers: { location: answer.to } }
  return answer.kind === 'nothing' ? { status: 204, headers: {} } : page(answer.status, answer.text)
}

function failed({ method }: IncomingMessage, error: unknown): Reply {
  log('%s: %s', method, describeError(error))
  return refuse(error instanceof DfsError ? 400 : 500, 'That did not work')
}

function refuse(status: number, title: string, said = ''): Reply {
  return page(status, renderRefusal(title, said))
}

function page(status: number, text: string): Reply {
  return { status, headers: { 'content-type': 'text/html; charset=utf-8' }, body: Buffer.from(text) }
}

function send(response: ServerResponse, { status, headers, body }: Reply): void {
  const length = status === 204 ? {} : { 'content-length': body?.length ?? 0 }
  response.writeHead(status, { ...HEADERS, ...headers, ...length }).end(body)
}

/** What stands before the `?` as it was sent, and what behind it says. */
function splitAddress(url: string): [path: string, query: URLSearchParams] {
  const [path = '', ...query] = url.split('?')
  return [path, new URLSearchParams(query.join('?'))]
}
