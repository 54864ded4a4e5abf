// Reads an AsyncAPI document as its official parser does: node check.mjs <file>
// Prints what the parser has to say as JSON: a list of {message, path, severity}; 0 are errors, 1 warnings, 2 advice.
import { readFile } from 'node:fs/promises';
import { Parser } from '@asyncapi/parser';

const { diagnostics } = await new Parser().parse(await readFile(process.argv[2], 'utf8'));
console.log(JSON.stringify(diagnostics.map(({ message, path, severity }) => ({ message, path: path.join('.'), severity }))));
