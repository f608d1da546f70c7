import { searchCases } from '../support/search-cases.ts'

searchCases('postgres')
searchCases('embedded')
searchCases('neon')
