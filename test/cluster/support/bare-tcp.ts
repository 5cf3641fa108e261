/**
 * What TCP alone carries on a line, to compare with: `bare-tcp.ts serve PORT` sends zeroes to whoever connects;
 * `bare-tcp.ts fetch HOST PORT MEBIBYTES` takes so many and prints MiB/s.
 */
import { connect, createServer } from 'node:net'

const MIB = 1024 * 1024
const [role, ...args] = process.argv.slice(2)

if (role === 'serve') serve(Number(args[0]))
else fetchFrom(args[0]!, Number(args[1]), Number(args[2]))

function serve(port: number): void {
  const piece = Buffer.alloc(256 * 1024)
  const server = createServer((socket) => {
    const send = () => {
      while (socket.writable && socket.write(piece));
    }
    socket.on('drain', send).on('error', () => socket.destroy())
    send()
  })
  server.listen(port, () => console.log('ready'))
  process.stdin.on('end', () => process.exit()).resume()
}

function fetchFrom(host: string, port: number, mebibytes: number): void {
  let bytes = 0
  const since = performance.now()
  const socket = connect(port, host).on('data', (piece) => {
    bytes += piece.length
    if (bytes < mebibytes * MIB) return
    socket.destroy()
    console.log((mebibytes * 1000) / (performance.now() - since))
  })
}
