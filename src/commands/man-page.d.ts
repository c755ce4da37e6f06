/** The manual page, which Bun puts into the executable as text. */
declare module "*.8" {
  const text: string;
  export default text;
}
