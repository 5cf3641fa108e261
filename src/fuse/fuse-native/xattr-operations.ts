/** Requests on extended attributes. Their names reach the binding as raw bytes, which it reads as UTF-8. */
import { byteStringOf } from '../../bytes/byte-string.ts'
import { whenReady } from '../../concurrency/when-ready.ts'
import type { ByteString } from '../../dfs.ts'
import { DfsError } from '../../errors.ts'
import { errnoOfKind } from '../errno.ts'
import type { Locals } from './binding.ts'
import { type Answer, DONE, type Operations } from './operation.ts'
import type { Session } from './session.ts'

const NO_DATA = -errnoOfKind('no-data')

export function xattrOperations(session: Session): Operations {
  const { filesystem } = session
  return {
    setxattr: {
      serve: async (_locals, path: ByteString, name: string, value: Buffer, _position: number, flags: number) => {
        // The binding's memory ends with the answer; the file system may keep the value.
        await filesystem.setxattr(await session.inode(path), exactName(name), Buffer.from(value), flags)
        return [0, value.buffer]
      },
      failureValues: (_path, _name, value: Buffer) => [value.buffer],
    },
    getxattr: {
      serve: (locals: Locals, path: ByteString, name: string, into: Buffer) => {
        session.callers().learn(locals)
        const found = whenReady(session.inode(path), (ino) => filesystem.getxattr(ino, exactName(name)))
        // Most that is asked for is not there: `ls -l` asks twice a file.
        return whenReady(found, (value) => (value === undefined ? [NO_DATA, into.buffer] : fill(into, value)))
      },
      failureValues: (_path, _name, into: Buffer) => [into.buffer],
    },
    listxattr: {
      serve: async (_locals, path: ByteString, into: Buffer) => {
        const names = await filesystem.listxattr(await session.inode(path))
        return fill(into, Buffer.from(names.map((name) => `${name}\0`).join(''), 'latin1'))
      },
      failureValues: (_path, into: Buffer) => [into.buffer],
    },
    removexattr: {
      serve: async (_locals, path: ByteString, name: string) => {
        await filesystem.removexattr(await session.inode(path), exactName(name))
        return DONE
      },
    },
  }
}

/** No room at all asks for the length; too little is an error. */
function fill(into: Buffer, value: Buffer): Answer {
  if (into.length > 0) {
    if (value.length > into.length) throw new DfsError('out-of-range', 'the value is longer than the room for it')
    value.copy(into)
  }
  return [value.length, into.buffer]
}

/** A name that is not UTF-8 was replaced on its way, and another must not stand for it. */
function exactName(name: string): ByteString {
  if (name.includes('\ufffd'))
    throw new DfsError('unsupported', 'attribute names that are not UTF-8 do not pass libfuse')
  return byteStringOf(name)
}
