// What settings, and what a companion demands, say about packs.

export interface PackRules {
  readonly order: 'lexicographic' | 'natural';
  /** Carbon's own patcher runs after us: its reading of the folders wins, or the pack is held. */
  readonly companion: boolean;
}
