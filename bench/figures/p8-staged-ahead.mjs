// P8: a start after `watch` has staged everything ahead. Measured as soon as there is such a command.

export async function measure({ profile }) {
  return [
    {
      figure: 'P8',
      what: `start after watch has staged all of ${profile}`,
      against: 'P2 (status)',
      reach: 3,
      aim: 2,
      notMeasured: 'needs watch',
    },
  ];
}
