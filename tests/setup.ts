// Dexie looks for IndexedDB when it is imported, so the stand-in has to be there before any test file is.
import 'fake-indexeddb/auto'
