/** How many numbers a block holds. */
export const BLOCK = 1 << 16;
const SHIFT = 16;
const MASK = BLOCK - 1;

/** A block of numbers, each as wide as the widest. */
export type Block = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** How many bytes a number takes. */
export type Width = 1 | 2 | 4 | 8;

const GREATEST: Readonly<Record<Width, number>> = {
  1: 0xff,
  2: 0xffff,
  4: 0xffff_ffff,
  8: Number.POSITIVE_INFINITY,
};

/**
 * A column of numbers from 0 on that grows block by block, so that growing never copies all there is. In a block each
 * takes one, two, four or eight bytes, whatever the greatest of them needs.
 */
export class Numbers {
  readonly blocks: Block[] = [];
  readonly #width: Width;
  #length = 0;
  /** The block at the end, and the greatest number that fits into it. */
  #last: Block = NOTHING;
  #greatest = 0;

  /** Numbers that all take so many bytes at least need not be widened. */
  constructor(width: Width = 1) {
    this.#width = width;
  }

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    const within = this.#length & MASK;
    if (within === 0) {
      this.#end(this.blocks.length, this.#width);
    }
    if (value > this.#greatest) {
      this.#widen(value);
    }
    this.#last[within] = value;
    this.#length += 1;
  }

  /** The number at a place; 0 where there is none. */
  get(place: number): number {
    return this.blocks[place >>> SHIFT]?.[place & MASK] ?? 0;
  }

  /** Replaces the number at a place. */
  set(place: number, value: number): void {
    const number = place >>> SHIFT;
    const block = this.blocks[number];
    if (block === undefined) {
      return;
    }
    const width = widthOf(value);
    if (width <= block.BYTES_PER_ELEMENT) {
      block[place & MASK] = value;
      return;
    }
    const wider = blockOf(width);
    wider.set(block);
    wider[place & MASK] = value;
    this.blocks[number] = wider;
    if (number === this.blocks.length - 1) {
      this.#last = wider;
      this.#greatest = GREATEST[width];
    }
  }

  #widen(value: number): void {
    const before = this.#last;
    this.#end(this.blocks.length - 1, widthOf(value));
    this.#last.set(before);
  }

  #end(number: number, width: Width): void {
    this.#last = blockOf(width);
    this.#greatest = GREATEST[width];
    this.blocks[number] = this.#last;
  }
}

const NOTHING: Block = new Uint8Array(0);

function widthOf(value: number): Width {
  if (value > GREATEST[4]) {
    return 8;
  }
  return value > GREATEST[2] ? 4 : value > GREATEST[1] ? 2 : 1;
}

function blockOf(width: Width): Block {
  switch (width) {
    case 1:
      return new Uint8Array(BLOCK);
    case 2:
      return new Uint16Array(BLOCK);
    case 4:
      return new Uint32Array(BLOCK);
    case 8:
      return new Float64Array(BLOCK);
  }
}
