import { databaseCases } from '../support/database-cases.ts'

databaseCases('embedded')
