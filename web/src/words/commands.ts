/** What a reader types next where a page has nothing to show yet. The same in every language. */
export const commands = {
  key: "sinew org key add LABEL",
  pool: "sinew pool add NAME --cores 2",
  contract: 'sinew contract draft LAB --pool POOL --guarantee "1 chip" --borrow "1 chip" --notice 5s --price "0.02 USD/chip-hour" --until 30d',
  run: 'sinew run -f --shape "1 chip" -- PROGRAM',
  invoice: "sinew invoice close LAB",
  release: "sinew release MODEL --trained-by WORKLOAD --gated-by WORKLOAD",
  serve: (release: string) => `sinew serve ${release}`,
};
