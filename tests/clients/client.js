// client.js BERT.SO -- runs claims through better-sqlite3; the protocol is that of client.py.
'use strict';
const path = require('path');
const fs = require('fs');
const Database = require(path.resolve('build/node/node_modules/better-sqlite3'));

const so = path.resolve(process.argv[2]).replace(/\.[a-z]+$/, '');

function open(file) {
  const db = new Database(file);
  db.loadExtension(so);
  return db;
}

function text(value) {
  return value === null ? 'NULL' : String(value);
}

function answer(db, step) {
  try {
    if (step[0] === 'run') {
      db.exec(step[1]);
      return { rows: [] };
    }
    const statement = db.prepare(step[1]);
    if (!statement.reader) {
      statement.run();
      return { rows: [] };
    }
    return { rows: statement.raw().all().map((row) => row.map(text).join('|')) };
  } catch (e) {
    return { error: e.message };
  }
}

const answers = JSON.parse(fs.readFileSync(0, 'utf8')).map((claim) => {
  let db = open(claim.file);
  const given = claim.steps.map((step) => {
    if (step[0] !== 'reopen') return answer(db, step);
    db.close();
    db = open(claim.file);
    return { rows: [] };
  });
  db.close();
  return given;
});
const version = open(':memory:').prepare('SELECT sqlite_version()').pluck().get();
process.stdout.write(JSON.stringify({ version, answers }));
