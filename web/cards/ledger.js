// The reader's progress in a browser: the content of mobilenet_lib/checks/ledger.py, so that a file of
// either can be read by the other.

const NAME = "mobilenet-book", UNREAD = `${NAME}-unread`, VERSION = 1, REMEMBERED = 50, LONGEST = 200;
const isExercise = (key) => /^\d+\.\d+$/.test(key);
const isText = (value) => typeof value === "string";
// As Python writes them, so that two moments can be compared as text.
const isMoment = (value) => isText(value) && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[-+]\d\d:\d\d$/.test(value) && !Number.isNaN(Date.parse(value));

/** Now; or, if the clock of another machine is ahead, just after that moment. */
export const now = (digits = 3, after = null) =>
  `${new Date(Math.max(Date.now(), after ? Date.parse(after) + 1 : 0)).toISOString().slice(0, 19 + (digits && digits + 1))}+00:00`;

/** What is kept of one exercise or question, or an error if it is none of ours. */
function record({ wrong = 0, solved = null, tried = [], said = null, at = null, ...more }) {
  if (Object.keys(more).length) throw new TypeError("not a record");
  if (!Number.isInteger(wrong) || wrong < 0 || !Array.isArray(tried)) throw new TypeError("not a record");
  if ((solved !== null && !isMoment(solved)) || (said !== null && !(isText(said) && isMoment(at)))) throw new TypeError("not a record");
  const kept = { wrong, solved, tried: tried.map(String) };
  return said === null ? kept : { ...kept, said: said.slice(0, LONGEST), at };
}

/** Records by key, from the text of a file; throws if it is no file of progress, or a record is none. */
export function parsed(text, strict = true) {
  const content = JSON.parse(text);
  if (content?.version !== VERSION || typeof content.exercises !== "object" || content.exercises === null) {
    throw new TypeError("no progress of this book");
  }
  const all = { ...content.exercises, ...content.questions };
  return Object.fromEntries(Object.entries(all).flatMap(([key, each]) => {
    try {
      return [[key, record(each)]];
    } catch (error) {
      if (strict) throw error;
      return [];
    }
  }));
}

/** The content of a file. */
export function content(records) {
  const part = (wanted) => Object.fromEntries(Object.entries(records).filter(([key]) => isExercise(key) === wanted).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { version: VERSION, exercises: part(true), questions: part(false) };
}

/** Both: nothing is taken away, and of two predictions the later one counts. */
export function merged(one, other) {
  const both = { ...one };
  for (const [key, new_] of Object.entries(other)) {
    const old = one[key] ?? record({});
    const solved = [old.solved, new_.solved].filter(Boolean).sort()[0] ?? null;
    const last = [new_.at ?? "", new_.said ?? ""].join("\n") > [old.at ?? "", old.said ?? ""].join("\n") ? new_ : old;
    both[key] = record({
      wrong: Math.max(old.wrong, new_.wrong), solved,
      tried: [...new Set([...old.tried, ...new_.tried])].slice(-REMEMBERED), said: last.said, at: last.at,
    });
  }
  return both;
}

/**
 * Progress in the browser's own storage. Where that is refused, as in a private window or by a
 * setting, it is remembered until the page is closed, and `refused` says so.
 */
export function browserStore(storage = () => localStorage) {
  const followers = new Set();
  const store = {
    records: {},
    refused: false,
    read() {
      let text = null;
      const take = (strict) => { store.records = merged(parsed(text, strict), store.records); };
      try {
        text = storage().getItem(NAME);
        if (text !== null) take(true);
      } catch { // refused; or not all of it is ours, and then it is put aside before it is written over
        try {
          if (text !== null) storage().setItem(UNREAD, text);
          if (text !== null) take(false);
        } catch { // nothing of it is
        }
      }
      return store.records;
    },
    add(records) {
      store.records = merged(store.read(), records);
      try {
        storage().setItem(NAME, JSON.stringify(content(store.records)));
        store.refused = false;
      } catch {
        store.refused = true;
      }
      for (const then of followers) then();
    },
    forget() {
      store.records = {};
      try {
        for (const name of [NAME, UNREAD]) storage().removeItem(name);
      } catch { // there is nothing
      }
      for (const then of followers) then();
    },
    /** Another page of the book has written, or forgotten all. */
    heard({ key, newValue }) {
      if (key !== NAME && key !== null) return;
      if (newValue === null) store.records = {};
      store.read();
      for (const then of followers) then();
    },
    follow: (then) => followers.add(then),
  };
  return store;
}
