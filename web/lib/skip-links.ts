/** The first links of the page move the focus, and leave the address as it is. Returns its stop. */
export function skipByFocus(): () => void {
  const skip = (event: MouseEvent) => {
    const link = event.target instanceof Element ? event.target.closest('.skip a') : null
    const target = link && document.getElementById(link.getAttribute('href')?.slice(1) ?? '')
    if (!target) return
    event.preventDefault()
    target.focus()
  }
  document.addEventListener('click', skip)
  return () => document.removeEventListener('click', skip)
}
