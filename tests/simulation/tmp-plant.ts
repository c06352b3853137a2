import { planted } from './planting.ts';
import { plants } from './plants.ts';
const [only, most] = [process.argv[2] ?? '', Number(process.argv[3] ?? 100)];
for (const plant of plants) {
  if (only && !plant.name.includes(only)) continue;
  try {
    const sim = await planted(plant);
    let found = -1; let what = ''; const seen = new Set<string>();
    for (let seed = 0; seed < most; seed++) {
      let v: string[] = []; try { v = sim({ seed }).violations; } catch (e) { v = ['crash: ' + e]; }
      const c = v.map((x) => x.split(':')[0]!); for (const x of c) seen.add(x);
      if (c.some((x) => plant.foundBy.includes(x))) { found = seed; what = [...new Set(c)].join(','); break; }
    }
    console.log(JSON.stringify({ name: plant.name, seed: found, what, seen: [...seen] }));
  } catch (e) { console.log('ERR', plant.name, String(e).slice(0, 100)); }
}
