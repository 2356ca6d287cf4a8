import Commands

await Program.run()
