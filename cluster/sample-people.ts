// Made-up people for a sample: handles and display names, each once, in an order that the seed decides.
import { pick, seededChance } from './sample-chance.ts';

export interface SamplePerson {
  handle: string;
  displayName: string;
}

const given = (
  'Ada Amara Anton Asha Bela Bruno Carla Chidi Daria Diego Edda Elif Emil Esra Femi Freya Gita Goran Hana Hugo Ida Ines Ivo ' +
  'Jana Jonas Juno Kaito Kaya Kofi Lara Leila Lino Luca Maja Malik Marta Mila Mira Nadia Nils Noor Oren Otto Paola Pavel ' +
  'Priya Rafa Rosa Ruben Sami Selma Sofia Tariq Tilda Tomas Uma Vera Viktor Wanda Yara Yuki Zane Zoe'
).split(' ');
const family = (
  'Abara Adler Almeida Arslan Bakker Banerjee Berg Bianchi Castillo Chen Costa Dahl Demir Diallo Dubois Eriksen Farkas Ferrari ' +
  'Fischer Fuentes Gallo Grant Haddad Hansen Holm Horvat Ivanova Jansen Joshi Kato Keller Khan Kowalski Larsen Leroy Lindgren ' +
  'Lopez Marino Mensah Meyer Molina Moreau Nakamura Novak Nowak Okafor Olsen Osman Pereira Petrov Quint Rahman Reyes Rossi ' +
  'Sato Silva Singh Sokolov Tanaka Torres Vargas Vogel Weber Yilmaz Zhang'
).split(' ');

export function samplePeople(count: number, seed: string): SamplePerson[] {
  const combinations = given.length * family.length;
  const order = shuffled(combinations, seed);
  return Array.from({ length: count }, (_, n) => {
    const combination = order[n % combinations] ?? 0;
    const first = given[combination % given.length] ?? '';
    const last = family[Math.floor(combination / given.length)] ?? '';
    // The names are used up: the next one of this name gets a number.
    const round = Math.floor(n / combinations);
    const number = round === 0 ? '' : String(round + 1);
    return {
      handle: `${first}_${last}${number}`.toLowerCase(),
      displayName: `${first} ${last}`,
    };
  });
}

function shuffled(count: number, seed: string): number[] {
  const chance = seededChance(`people ${seed}`);
  const order = Array.from({ length: count }, (_, n) => n);
  for (let at = count - 1; at > 0; at--) {
    const other = pick(chance, at + 1);
    const held = order[at] ?? 0;
    order[at] = order[other] ?? 0;
    order[other] = held;
  }
  return order;
}
