export const appDocument = (o: any) => 'app ' + o.person.name
export const enterDocument = (o: any) => 'enter ' + o.owner
export const messageDocument = (o: any) => 'message ' + o.title
