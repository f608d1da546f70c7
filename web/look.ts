import { onContrastChange, showPreferences } from './lib/look.ts'
import { onPreferencesElsewhere, readPreferences } from './lib/preferences.ts'

/*
 * Every page loads this before anything of it is painted, from this device once it was there: neither the server, which does not know, nor the
 * client, which comes later, could keep a dark room from flashing white.
 */

const show = () => showPreferences(readPreferences())
show()
onPreferencesElsewhere(show)
onContrastChange(show)
