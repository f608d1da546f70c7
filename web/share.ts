import './styles/share.css'
import { CLOSE, HEARTBEAT, type ShareFrame } from '#contract'
import { localTimes, SharedTranscript } from './lib/shared-transcript.ts'

/*
 * A shared page goes live: the server has printed the transcript, this script keeps it up to date. Without it the page is whole, and still.
 */

const AGAIN_MS = { least: 500, most: 15_000 }

function goLive(transcript: SharedTranscript, status: HTMLElement): void {
  let tries = 0
  const say = (state: 'connecting' | 'online' | 'offline', words: string) => {
    status.dataset['connection'] = state
    status.textContent = words
  }
  const connect = () => {
    let heardAt = performance.now()
    const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}${location.pathname}/live`)
    const beat = setInterval(() => {
      if (performance.now() - heardAt > HEARTBEAT.everyMs + HEARTBEAT.deadMs) socket.close()
      else if (socket.readyState === WebSocket.OPEN) socket.send(HEARTBEAT.ping)
    }, HEARTBEAT.everyMs)
    transcript.begin()
    socket.addEventListener('message', ({ data }) => {
      heardAt = performance.now()
      if (typeof data !== 'string' || !data.startsWith('[')) return
      // The contract of the server that sent this page.
      const frame: ShareFrame = JSON.parse(data)
      if (frame[0] === 'page') {
        tries = 0
        say('online', 'Live')
      }
      if (!transcript.take(frame)) socket.close()
    })
    socket.addEventListener('close', ({ code }) => {
      clearInterval(beat)
      if (code === CLOSE.removed) return say('offline', 'This link opens nothing any more.')
      say('connecting', 'Connecting…')
      setTimeout(connect, Math.random() * Math.min(AGAIN_MS.most, AGAIN_MS.least * 2 ** tries++))
    })
  }
  connect()
}

const place = document.querySelector<HTMLElement>('[data-shared]')
const status = document.querySelector<HTMLElement>('[role="status"]')
localTimes(document)
// An older page of the room does not change.
if (place && status && location.search === '') goLive(new SharedTranscript(place), status)
