// `using`, where the language has it and the types of its version declare its symbols.

import { Client, type Config } from 'descope-conn';

export async function use(config: Config): Promise<void> {
  await using client = new Client(config);
  using other = new Client(config);
  await client.describe();
  await other.describe();
}
